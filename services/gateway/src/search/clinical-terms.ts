/**
 * What means the same in clinical notes: abbreviations, American and British names, everyday words, and classes with their commonest
 * members. A line is a group; words of the first kind that a query has are searched for as the others as well. Where an abbreviation has
 * several meanings it is in none or in the commonest.
 */
const groups = `
abg | arterial blood gas | arterial gas
ace inhibitor | lisinopril | ramipril | enalapril | perindopril
acetaminophen | paracetamol
adhd | attention deficit hyperactivity disorder
adrenaline | epinephrine
adrenal insufficiency | adrenal failure | addison's disease
af | atrial fibrillation | afib
aki | acute kidney injury | acute renal failure
albuterol | salbutamol
alzheimer's | dementia
anaemia | anemia | low haemoglobin
anticoagulant | anticoagulation | anticoagulate | blood thinner | apixaban | rivaroxaban | edoxaban | warfarin | heparin
antidepressant | ssri | sertraline | citalopram | fluoxetine | escitalopram
antiemetic | anti-sickness | metoclopramide | ondansetron | cyclizine | domperidone
antipsychotic | neuroleptic | olanzapine | risperidone | haloperidol | quetiapine | aripiprazole | clozapine
antiplatelet | aspirin | clopidogrel | ticagrelor | prasugrel
apnoea | apnea
ards | acute respiratory distress syndrome
bed sore | bedsore | pressure ulcer | pressure sore | pressure injury | decubitus
benzodiazepine | diazepam | lorazepam | midazolam | clonazepam
beta blocker | bisoprolol | metoprolol | atenolol | carvedilol | propranolol
bisphosphonate | alendronate | zoledronate | risedronate
bmi | body mass index
bnp | nt-probnp | ntprobnp | natriuretic peptide
bp | blood pressure
breathlessness | dyspnoea | dyspnea | shortness of breath | short of breath | sob
cabg | coronary artery bypass
calcium channel blocker | amlodipine | nifedipine | diltiazem | verapamil
catheterisation | catheterise | catheter
cbt | cognitive behavioural therapy
ccf | chf | heart failure | hf | hfref | cardiac failure
chemotherapy | chemo
ckd | chronic kidney disease | chronic renal failure
cll | chronic lymphocytic leukaemia
cmv | cytomegalovirus
contraception | contraceptive | birth control | the pill
copd | chronic obstructive pulmonary disease
cpap | nocturnal positive pressure
cpr | dnacpr | dnr | resuscitation
crp | c-reactive protein
csf | cerebrospinal fluid
ct | computed tomography | cat scan
ctpa | ct pulmonary angiogram
cva | stroke | cerebrovascular accident
cxr | chest x-ray | chest film | chest radiograph
defibrillation | defibrillated | shock | cardioversion
delirium | delirious | acute confusion
dexa | dxa | bone density | t-score
diarrhoea | diarrhea
diuretic | furosemide | frusemide | bumetanide | spironolactone | bendroflumethiazide
dka | diabetic ketoacidosis | ketoacidosis
dm | diabetes | diabetic
dvt | deep vein thrombosis | vte | venous thromboembolism
ecg | ekg | electrocardiogram
echo | echocardiogram | echocardiography
ed | emergency department | a&e | casualty
ef | lvef | ejection fraction
egfr | gfr | kidney function | renal function
endoscopy | gastroscopy | ogd
esr | erythrocyte sedimentation rate
esrd | end-stage renal disease | stage 5 chronic kidney disease
fbc | cbc | full blood count | complete blood count
feeding tube | nasogastric tube | ng tube | peg
fluid restriction | fluids limited
ga | general anaesthetic | anaesthesia
gca | giant cell arteritis | temporal arteritis
gerd | gord | reflux
glp-1 agonist | glp1 | semaglutide | liraglutide | dulaglutide
gtn | nitroglycerin | glyceryl trinitrate
haematemesis | hematemesis | vomited blood | vomiting blood
haemodialysis | dialysis | hemodialysis
haemoglobin | hemoglobin | hb
hba1c | a1c | glycated haemoglobin
heart attack | myocardial infarction | mi | stemi | nstemi | infarct
high blood pressure | hypertension | htn
hip fracture | neck of femur fracture | fractured hip | nof
hiv | human immunodeficiency virus
hydroxyurea | hydroxycarbamide
hyperkalaemia | hyperkalemia | high potassium
hypercalcaemia | high calcium
hyperglycaemia | high glucose | high blood sugar
hypoglycaemia | hypoglycemia | hypo | hypos | low blood sugar
hypokalaemia | low potassium
hyponatraemia | hyponatremia | low sodium
hypotension | low blood pressure
hypothyroidism | underactive thyroid
hyperthyroidism | thyrotoxicosis | overactive thyroid | graves
ibd | inflammatory bowel disease | crohn's | ulcerative colitis
ibs | irritable bowel
icd | implantable cardioverter defibrillator
icu | itu | intensive care
immunoglobulin | ivig
intraocular pressure | iop | eye pressure
inr | international normalised ratio
itp | immune thrombocytopenia | low platelets
iv | intravenous | intravenously | infusion
ivdu | injects heroin | injecting drug use
jaundice | icterus | raised bilirubin
lft | liver function | alt
lmwh | dalteparin | enoxaparin | tinzaparin
lumbar puncture | lp | spinal tap
malignancy | cancer | carcinoma | tumour | tumor
methicillin | mrsa
mri | magnetic resonance
ms | multiple sclerosis
n-acetylcysteine | acetylcysteine | nac
nausea | sickness | vomiting
niv | bipap | non-invasive ventilation
nsaid | nsaids | ibuprofen | naproxen | diclofenac
nodule | lump
od | o.d. | once daily | daily
bd | b.i.d. | bid | twice daily
tds | t.d.s. | tid | three times daily
qds | q.d.s. | qid | four times daily
prn | p.r.n. | as needed | when required
oedema | edema | swelling
oesophageal | esophageal
ogtt | glucose tolerance test
opioid | opiate | morphine | oxycodone | codeine | diamorphine | fentanyl
opioid substitution | methadone | buprenorphine
orthopnoea | pillows
orthostatic hypotension | postural drop | postural hypotension | lying and standing
osteoporosis | osteopenia
palliative | end of life | hospice
pci | angioplasty | stent
pda | patent ductus arteriosus
pe | pulmonary embolism | pulmonary embolus | pulmonary emboli
phototherapy | light treatment
pneumonia | cap | consolidation
ppi | omeprazole | lansoprazole | pantoprazole
pre-eclampsia | preeclampsia
psa | prostate specific antigen
psychosis | schizophrenia | psychotic
ra | rheumatoid arthritis
radiotherapy | radiation
rhabdomyolysis | ck | creatine kinase
rsv | respiratory syncytial virus
scd | sickle cell | hbss
seizure | seizures | fit | fits | convulsion
sepsis | septic | septicaemia | bacteraemia
sglt2 inhibitor | dapagliflozin | empagliflozin | canagliflozin
sleep apnoea | osa | sleep apnea
sleeping pill | sleeping tablet | hypnotic | zopiclone | temazepam
smoking | smoker | smokes | tobacco
spleen | splenectomy | asplenic
statin | atorvastatin | simvastatin | rosuvastatin
steroid | steroids | corticosteroid | prednisolone | prednisone | dexamethasone | hydrocortisone | methylprednisolone | betamethasone
std | sti | sexually transmitted
suicidal | suicide | self-harm
t1dm | type 1 diabetes
t2dm | type 2 diabetes
tb | tuberculosis
latent tb | quantiferon | igra
thrombolysis | tenecteplase | alteplase | tpa
thrombocytopenia | low platelets
tia | transient ischaemic attack | mini-stroke
tft | thyroid function | tsh
toddler | child
trab | tsh receptor antibodies
tumor necrosis factor | anti-tnf | infliximab | adalimumab | etanercept
uc | ulcerative colitis
ultrasound | sonography | us scan
uti | urinary tract infection
valproate | valproic acid
vap | ventilator-associated pneumonia
vaccine | vaccination | immunisation | immunization | jab
wbc | white cell count | white blood cells | wcc
weight gain | gained weight | kg gained
xray | x-ray | radiograph
`;

export const clinicalGroups: readonly (readonly string[])[] = groups
  .trim()
  .split("\n")
  .map((line) => line.split("|").map((term) => term.trim()));
